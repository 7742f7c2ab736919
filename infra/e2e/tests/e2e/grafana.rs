//! The board and the alert rules of `infra/grafana`: sound as files, and right about what a real database holds.

mod lint;
mod names;
mod pipeline;
mod shows;
mod types;
mod written;

use lint::files_are_sound;
use pipeline::board_and_rules_over_the_real_pipeline;
use types::files_fit_the_published_types;
use written::rules_over_written_points;

crate::tests![
    files_are_sound,
    #[needs(GrafanaTypes)]
    files_fit_the_published_types,
    #[needs(Influx)]
    rules_over_written_points,
    #[needs(KafkaAndInflux)]
    board_and_rules_over_the_real_pipeline,
];
