//! Ways and states of a delivery, and which state follows which; pure.

use kernel::Refusal;
use serde::{Deserialize, Serialize};

pub(crate) const WAYS: [&str; 3] = ["download", "pickup", "post"];

pub(crate) mod state {
    pub const CHOSEN: &str = "chosen";
    pub const PREPARED: &str = "prepared";
    pub const SENT: &str = "sent";
    pub const DELIVERED: &str = "delivered";
    pub const RETURNED: &str = "returned";
    pub const ALL: [&str; 5] = [CHOSEN, PREPARED, SENT, DELIVERED, RETURNED];
}

/// Where the post goes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Address {
    pub name: String,
    pub phone: String,
    pub address: String,
}

#[derive(Clone, Debug)]
pub(crate) struct Delivery {
    pub case: String,
    pub org_path: String,
    pub area_code: String,
    pub way: String,
    pub window: Option<String>,
    pub address: Option<Address>,
    pub code: Option<String>,
    pub state: String,
    pub carrier: Option<String>,
    pub consignment: Option<String>,
    pub signed_by: Option<String>,
    pub reason: Option<String>,
    pub actor: Option<String>,
    pub chosen_at: i64,
    pub prepared_at: Option<i64>,
    pub sent_at: Option<i64>,
    pub closed_at: Option<i64>,
    pub version: i64,
}

/// What is done with a delivery.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Step {
    Prepare,
    Send,
    Deliver,
    Return,
}

/// The state after a step. What came back by post may be made ready and sent again.
pub(crate) fn after(way: &str, from: &str, step: Step) -> Result<&'static str, Refusal> {
    let to = match (way, from, step) {
        ("pickup" | "post", state::CHOSEN | state::RETURNED, Step::Prepare) => state::PREPARED,
        ("post", state::PREPARED, Step::Send) => state::SENT,
        ("pickup", state::PREPARED, Step::Deliver) | ("post", state::SENT, Step::Deliver) => state::DELIVERED,
        ("download", state::CHOSEN, Step::Deliver) => state::DELIVERED,
        ("post", state::SENT, Step::Return) => state::RETURNED,
        _ => return Err(Refusal::new("cases-delivery-order").status(409)),
    };
    Ok(to)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_way_goes_its_steps_only() {
        let run = |way: &str, steps: &[Step]| {
            steps
                .iter()
                .try_fold(state::CHOSEN, |s, step| after(way, s, *step))
                .ok()
        };
        assert_eq!(
            run("post", &[Step::Prepare, Step::Send, Step::Deliver]),
            Some(state::DELIVERED)
        );
        assert_eq!(
            run("post", &[Step::Prepare, Step::Send, Step::Return, Step::Prepare]),
            Some(state::PREPARED)
        );
        assert_eq!(
            run("pickup", &[Step::Prepare, Step::Deliver]),
            Some(state::DELIVERED)
        );
        assert_eq!(run("pickup", &[Step::Prepare, Step::Send]), None);
        assert_eq!(
            run("post", &[Step::Prepare, Step::Deliver]),
            None,
            "post that was not sent has not arrived"
        );
        assert_eq!(run("download", &[Step::Prepare]), None);
        assert_eq!(run("download", &[Step::Deliver, Step::Deliver]), None);
    }
}
