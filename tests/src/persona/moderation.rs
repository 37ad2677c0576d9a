//! What moderators do, and what people ask of them.

use crewup_proto::moderation::{
    decide_appeal_request::Decision, reported_object::Object, resolve_report_request::Resolution, *,
};
use tonic::Status;

use super::{Persona, request_id};

impl Persona {
    /// Bans a person for ever.
    pub async fn ban(&self, user: &str) -> Result<Ban, Status> {
        self.ban_as(ban_of(user)).await
    }

    /// Bans as `request` says.
    pub async fn ban_as(&self, request: BanUserRequest) -> Result<Ban, Status> {
        Ok(self.moderation().ban_user(request).await?.into_inner().ban.expect("a ban"))
    }

    /// Lifts a person's ban.
    pub async fn unban(&self, user: &str) -> Result<Ban, Status> {
        let request = UnbanUserRequest { user_id: user.into() };
        Ok(self.moderation().unban_user(request).await?.into_inner().ban.expect("a ban"))
    }

    /// Reads a ban.
    pub async fn see_ban(&self, ban: &str) -> Result<Ban, Status> {
        let request = GetBanRequest { ban_id: ban.into() };
        Ok(self.moderation().get_ban(request).await?.into_inner().ban.expect("a ban"))
    }

    /// Reads the own ban.
    pub async fn my_ban(&self) -> Result<MyBan, Status> {
        Ok(self.moderation().get_my_ban(GetMyBanRequest {}).await?.into_inner().ban.expect("a ban"))
    }

    /// Appeals against the own ban.
    pub async fn appeal(&self, text: &str) -> Result<MyAppeal, Status> {
        let request = AppealBanRequest { text: text.into(), request_id: request_id() };
        Ok(self.moderation().appeal_ban(request).await?.into_inner().appeal.expect("an appeal"))
    }

    /// Decides an appeal.
    pub async fn decide(&self, appeal: &str, decision: Decision) -> Result<Appeal, Status> {
        let request = DecideAppealRequest {
            appeal_id: appeal.into(),
            decision: decision.into(),
            answer: "We looked again".into(),
        };
        Ok(self.moderation().decide_appeal(request).await?.into_inner().appeal.expect("an appeal"))
    }

    /// Reports something as spam.
    pub async fn report(&self, object: Object) -> Result<MyReport, Status> {
        let request = report_of(object);
        Ok(self.moderation().create_report(request).await?.into_inner().report.expect("a report"))
    }

    /// The reports that are not closed, the first page.
    pub async fn queue(&self) -> Result<Vec<Report>, Status> {
        self.reports(ReportFilter::default()).await
    }

    /// The reports that match, the first page.
    pub async fn reports(&self, filter: ReportFilter) -> Result<Vec<Report>, Status> {
        let request = ListReportsRequest { filter: Some(filter), page_size: 100, ..Default::default() };
        Ok(self.moderation().list_reports(request).await?.into_inner().reports)
    }

    /// Takes a report in hand.
    pub async fn claim(&self, report: &str) -> Result<Report, Status> {
        let request = ClaimReportRequest { report_id: report.into() };
        Ok(self.moderation().claim_report(request).await?.into_inner().report.expect("a report"))
    }

    /// Closes a report.
    pub async fn resolve(&self, report: &str, resolution: Resolution) -> Result<ResolveReportResponse, Status> {
        let request = ResolveReportRequest {
            report_id: report.into(),
            resolution: resolution.into(),
            internal_note: "Seen before".into(),
        };
        Ok(self.moderation().resolve_report(request).await?.into_inner())
    }

    /// The log, the first page, latest first.
    pub async fn log(&self, filter: LogFilter) -> Result<Vec<LogEntry>, Status> {
        let request = ListLogEntriesRequest { filter: Some(filter), page_size: 100, ..Default::default() };
        Ok(self.moderation().list_log_entries(request).await?.into_inner().entries)
    }
}

/// A ban of a person for ever, for spam.
pub fn ban_of(user: &str) -> BanUserRequest {
    BanUserRequest {
        user_id: user.into(),
        violation: Violation::Spam.into(),
        reason: "Advertised in every chat".into(),
        request_id: request_id(),
        ..Default::default()
    }
}

/// A report of something as spam.
pub fn report_of(object: Object) -> CreateReportRequest {
    CreateReportRequest {
        object: Some(ReportedObject { object: Some(object) }),
        violation: Violation::Spam.into(),
        text: "Sells things".into(),
        request_id: request_id(),
    }
}
