//! What users do, from the outside.

mod bad_input;
mod bad_texts;
mod command_line;
mod exchange;
mod finding_out;
mod guides;
mod identity;
mod inspect_tools;
mod inspection;
mod look_up;
mod national;
mod national_fields;
mod national_returns;
mod national_rules;
mod national_tools;
mod one_inspection;
mod one_release;
mod receipt_order;
mod refused;
mod replay;
mod strangers;
mod stuck;
mod terminal;
mod verdict;
