//! Which reasons of one outage have a line in the log: each kind once, so that an outage of hours is some lines and not
//! thousands, and the one that matters is among them. A broker that restarts with a certificate that has ended is first
//! away and then not trusted.

/// More kinds of reasons than an outage has. Beyond them nothing is told.
const MOST: usize = 8;

/// The reasons of a row of failures that were told so far.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reasons(Vec<String>);

impl Reasons {
    /// Whether nothing like it was told in this row. Numbers make no difference: they are ports and times.
    pub(crate) fn is_news(&mut self, reason: &str) -> bool {
        let kind: String = reason.chars().filter(|c| !c.is_ascii_digit()).collect();
        let news = self.0.len() < MOST && !self.0.contains(&kind);
        if news {
            self.0.push(kind);
        }
        news
    }

    /// The row of failures has ended.
    pub(crate) fn forget(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_is_told_once_in_a_row() {
        let mut reasons = Reasons::default();
        assert!(reasons.is_news("refused by 127.0.0.1:9092"));
        assert!(!reasons.is_news("refused by 127.0.0.1:9093"));
        assert!(reasons.is_news("expired 1 second ago"));
        assert!(!reasons.is_news("refused by 127.0.0.1:9092"));
        reasons.forget();
        assert!(reasons.is_news("expired 7 seconds ago"));
        let told = ('a'..='z').filter(|letter| reasons.is_news(&letter.to_string()));
        assert_eq!(told.count(), MOST - 1, "a log is not filled by one outage");
    }
}
