//! Lists of alerts (E21), and what a reporter is told of one (M6).

use crewup_proto::{
    crewup::safety::internal::v1::{DescribeObjectRequest, DescribeObjectResponse},
    safety::{AlertFilter, AlertState, ListAlertsRequest, TriggerAlertRequest, alert_filter::Scope},
};
use crewup_tests::{persona::pages, raw, refusal::reason};
use prost::Message as _;

use super::{crew, night_out};

#[tokio::test]
async fn e21_alerts_are_listed_by_scope_state_and_crew_newest_first() {
    let (mesh, [host, guest, friend], event, owls) = night_out().await;
    let larks = crew(&event, "Larks", &[&host, &guest]).await;
    let only = |group: &String| TriggerAlertRequest { group_ids: vec![group.clone()], ..Default::default() };
    let old = guest.raise_as(only(&owls)).await.unwrap().id;
    guest.resolve_alert(&old, "").await.unwrap();
    let new = guest.raise_as(only(&larks)).await.unwrap().id;
    let theirs = host.raise_as(only(&larks)).await.unwrap().id;

    assert_eq!(guest.list_alerts(Scope::Unspecified).await.unwrap(), [theirs.clone(), new.clone(), old.clone()]);
    assert_eq!(guest.list_alerts(Scope::Sent).await.unwrap(), [new.clone(), old.clone()]);
    assert_eq!(guest.list_alerts(Scope::Received).await.unwrap(), [theirs.as_str()]);
    assert_eq!(friend.list_alerts(Scope::Unspecified).await.unwrap(), [old.as_str()]);
    assert_eq!(reason(guest.list_alerts(Scope::All).await), "ROLE_REQUIRED");
    assert_eq!(mesh.person("mod").list_alerts(Scope::All).await.unwrap().len(), 3);
    assert!(mesh.person("stranger").list_alerts(Scope::Unspecified).await.unwrap().is_empty());

    let filter = AlertFilter { states: vec![AlertState::Resolved.into()], group_id: owls, ..Default::default() };
    let request = ListAlertsRequest { filter: Some(filter), ..Default::default() };
    let found = guest.safety().list_alerts(request).await.unwrap().into_inner().alerts;
    assert_eq!(found.iter().map(|alert| &alert.id).collect::<Vec<_>>(), [&old]);

    let paged = pages(ListAlertsRequest { page_size: 1, ..Default::default() }, async |request| {
        let page = guest.safety().list_alerts(request).await.unwrap().into_inner();
        (page.alerts.into_iter().map(|alert| alert.id).collect(), page.next_page_token)
    });
    assert_eq!(paged.await, [theirs, new, old]);
}

#[tokio::test]
async fn m6_a_reporter_is_told_of_an_alert_without_its_place() {
    let (mesh, [_, guest, friend], ..) = night_out().await;
    let location = Some(crewup_proto::google::r#type::LatLng { latitude: 47.125, longitude: 8.5 });
    let place = Some(crewup_proto::safety::Place { location, ..Default::default() });
    let call = TriggerAlertRequest { message: "not what it seems".into(), place, ..Default::default() };
    let alert = guest.raise_as(call).await.unwrap();
    let service = format!("Bearer {}", mesh.issuer().service_token("moderation"));
    let describe = |token: String| {
        let (service, addr) = (service.clone(), mesh.addr("safety").unwrap());
        let body = DescribeObjectRequest { alert_id: alert.id.clone() }.encode_to_vec();
        async move {
            let token = format!("Bearer {token}");
            let headers = [("authorization", service.as_bytes()), ("x-crewup-user-token", token.as_bytes())];
            raw::call(addr, "/crewup.safety.internal.v1.SafetyInternalService/DescribeObject", &headers, body).await
        }
    };
    let answer = describe(friend.token().to_owned()).await.unwrap().into_inner();
    let told = DescribeObjectResponse::decode(answer.as_slice()).unwrap();
    assert_eq!(told.owner_id, guest.id().await);
    assert!(told.content.contains("not what it seems") && told.content.contains("Night owls"));
    assert!(!told.content.contains("47.1"));
    assert_eq!(reason(describe(mesh.person("stranger").token().to_owned()).await), "NOT_FOUND");
}
