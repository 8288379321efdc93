//! The sample matter of most stories, occupy-road, step by step as people do it.

use crate::{Answer, City, Client};

/// A small PDF.
pub const PDF: &[u8] = b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n";
/// Another one: the same file twice would be kept once.
pub const PDF2: &[u8] = b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n2";

/// Where the sample road is occupied; words that stand nowhere else.
pub const LOCATION: &str = "演示故事路八百一十五号门前人行道";

/// The form as the resident of the demonstration fills it in.
pub fn answers() -> Vec<(&'static str, &'static str)> {
    vec![
        ("applicant_name", "演示居民甲"),
        ("citizen_id", "320899198803121014"),
        ("phone", "19900000001"),
        ("shop_name", "演示便民小卖部"),
        ("location", LOCATION),
        ("division", "320812"),
        ("purpose", "goods"),
        ("area", "12"),
        ("start_date", "2027-02-01"),
        ("end_date", "2027-02-10"),
        ("traffic_impact", "footpath"),
        ("promise", "true"),
    ]
}

impl Client {
    /// Starts a case for a matter; returns its id.
    pub async fn begin(&mut self, matter: &str) -> String {
        let answer = self
            .post_form(&format!("/matters/{matter}/cases"), &[])
            .await
            .expect(303);
        let path = answer.location().to_string();
        path.split('/')
            .nth(2)
            .unwrap_or_else(|| panic!("{path}"))
            .to_string()
    }
    /// Hands the occupy-road form in, with both materials that are always needed.
    pub async fn hand_in(&mut self, case: &str, fields: &[(&str, &str)]) -> Answer {
        let mut all = fields.to_vec();
        all.push(("action", "submit"));
        let files = [
            ("file-site-plan", "plan.pdf", PDF),
            ("file-site-photo", "photo.pdf", PDF2),
        ];
        self.post_multipart(&format!("/cases/{case}/form"), &all, &files)
            .await
    }
    /// A whole application; returns id and number.
    pub async fn apply(&mut self) -> (String, String) {
        let case = self.begin("occupy-road").await;
        let answer = self.hand_in(&case, &answers()).await.expect(303);
        assert_eq!(answer.location(), format!("/cases/{case}/receipt"));
        let number = self.number(&case).await;
        (case, number)
    }
    /// The number on the receipt.
    pub async fn number(&mut self, case: &str) -> String {
        let page = self.get(&format!("/cases/{case}/receipt")).await.expect(200);
        page.between("<strong>20", "</strong>")
            .map(|n| format!("20{n}"))
            .unwrap()
    }
    /// (version, first work item) that the case page offers to this official.
    pub async fn task(&mut self, case: &str) -> (String, String) {
        let page = self.get(&format!("/work/cases/{case}")).await.expect(200);
        // The first address that is an item itself: `…/work/4/recall` is an offer on one that is done.
        let text = page.text();
        let work = text
            .split(&format!("/work/cases/{case}/work/"))
            .skip(1)
            .filter_map(|rest| rest.split('"').next())
            .find(|work| work.bytes().all(|b| b.is_ascii_digit()));
        (
            page.hidden("version").unwrap_or_default(),
            work.unwrap_or_default().to_string(),
        )
    }
    /// Sends a work item's form as it stands on the page.
    pub async fn finish(&mut self, case: &str, outcome: &str, opinion: &str) -> Answer {
        let (version, work) = self.task(case).await;
        assert!(!work.is_empty(), "no work is offered");
        self.send_work(case, &version, &work, outcome, opinion).await
    }
    pub async fn send_work(
        &mut self,
        case: &str,
        version: &str,
        work: &str,
        outcome: &str,
        opinion: &str,
    ) -> Answer {
        let fields = [("version", version), ("outcome", outcome), ("opinion", opinion)];
        self.post_form(&format!("/work/cases/{case}/work/{work}"), &fields)
            .await
    }
}

impl City {
    /// Clerk, both reviewers and head handle the case to its end.
    pub async fn decide(&self, case: &str, review: &str, decision: &str) {
        let steps = [
            ("clerk", "done", ""),
            ("reviewer-cg", review, "现场看过。"),
            ("reviewer-jj", "agree", "同意。"),
            ("head", decision, "按会审意见。"),
        ];
        for (who, outcome, opinion) in steps {
            self.client(who)
                .await
                .finish(case, outcome, opinion)
                .await
                .expect(303);
        }
        self.settle().await;
    }
    pub async fn state(&self, case: &str) -> String {
        let sql = "SELECT state FROM cases_case WHERE id = $1";
        self.scalar(sql, &[case.into()]).await.unwrap_or_default()
    }
    /// The version that the next command on this case must name.
    pub async fn version(&self, case: &str) -> String {
        let sql = "SELECT version FROM cases_case WHERE id = $1";
        self.count(sql, &[case.into()]).await.to_string()
    }
    /// (due date, provisional) as other modules see it.
    pub async fn due(&self, case: &str) -> (Option<String>, i64) {
        let sql = "SELECT due_on FROM pub_cases_case WHERE id = $1";
        let due: Option<Option<String>> = self.scalar(sql, &[case.into()]).await;
        let sql = "SELECT provisional FROM pub_cases_case WHERE id = $1";
        (due.flatten(), self.count(sql, &[case.into()]).await)
    }
}
