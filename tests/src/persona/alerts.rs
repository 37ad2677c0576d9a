//! What people do in an emergency.

use crewup_proto::safety::{alert_filter::Scope, *};
use tonic::Status;

use super::{Persona, request_id};

impl Persona {
    /// Raises an alert to all active crews.
    pub async fn raise(&self) -> Result<Alert, Status> {
        self.raise_as(TriggerAlertRequest::default()).await
    }

    /// Raises an alert as `request` says; without a request id, with a new one.
    pub async fn raise_as(&self, request: TriggerAlertRequest) -> Result<Alert, Status> {
        let known = !request.request_id.is_empty();
        let request_id = if known { request.request_id.clone() } else { request_id() };
        let request = TriggerAlertRequest { request_id, ..request };
        Ok(self.safety().trigger_alert(request).await?.into_inner().alert.expect("an alert"))
    }

    /// Reads an alert.
    pub async fn alert(&self, alert: &str) -> Result<Alert, Status> {
        let request = GetAlertRequest { alert_id: alert.into() };
        Ok(self.safety().get_alert(request).await?.into_inner().alert.expect("an alert"))
    }

    /// Answers an alert.
    pub async fn acknowledge(&self, alert: &str, answer: AcknowledgementType) -> Result<Alert, Status> {
        let request = AcknowledgeAlertRequest { alert_id: alert.into(), r#type: answer.into() };
        Ok(self.safety().acknowledge_alert(request).await?.into_inner().alert.expect("an alert"))
    }

    /// Changes the fields `mask` of an alert.
    pub async fn change(&self, alert: Alert, mask: &[&str]) -> Result<Alert, Status> {
        let mask = prost_types::FieldMask { paths: mask.iter().map(|path| (*path).to_owned()).collect() };
        let request = UpdateAlertRequest { alert: Some(alert), update_mask: Some(mask) };
        Ok(self.safety().update_alert(request).await?.into_inner().alert.expect("an alert"))
    }

    /// Resolves an alert.
    pub async fn resolve_alert(&self, alert: &str, reason: &str) -> Result<Alert, Status> {
        let request = ResolveAlertRequest { alert_id: alert.into(), reason: reason.into() };
        Ok(self.safety().resolve_alert(request).await?.into_inner().alert.expect("an alert"))
    }

    /// The ids of the first page of alerts.
    pub async fn list_alerts(&self, scope: Scope) -> Result<Vec<String>, Status> {
        let filter = AlertFilter { scope: scope.into(), ..Default::default() };
        let request = ListAlertsRequest { filter: Some(filter), ..Default::default() };
        let alerts = self.safety().list_alerts(request).await?.into_inner().alerts;
        Ok(alerts.into_iter().map(|alert| alert.id).collect())
    }
}
