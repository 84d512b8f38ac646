//! Where the plugin spends its instructions on one kind of request, by function (docs/performance.md).
//!
//! `instructions SCENARIO [LINES]`; `instructions SCENARIO folded` prints stacks for a flame graph.
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a tool for whoever profiles")]

use actgate_tests::costs::{Laboratory, Scenario, played, warm};

fn main() {
    let mut arguments = std::env::args().skip(1);
    let name = arguments.next().unwrap_or_default();
    let Some(scenario) = Scenario::ALL.into_iter().find(|scenario| scenario.name() == name) else {
        println!("`{name}` is none of {:?}", Scenario::ALL.map(Scenario::name));
        return;
    };
    let how = arguments.next().unwrap_or_else(|| "60".to_owned());

    let Some(laboratory) = Laboratory::tracing() else { return };
    let mut vm = laboratory.vm(&laboratory.bundle());
    warm(&mut vm, &laboratory.request(scenario, 0), scenario.status());
    let number = usize::from(scenario == Scenario::Cold);
    vm.trace();
    played(&mut vm, &laboratory.request(scenario, number), scenario.status());
    let trace = vm.trace().unwrap();

    if how == "folded" {
        for (stack, instructions) in trace.stacks() {
            let outermost_first: Vec<&str> = stack.iter().rev().map(String::as_str).collect();
            println!("{} {instructions}", outermost_first.join(";"));
        }
        return;
    }
    println!("     own inclusive");
    for taken in trace.functions().iter().take(how.parse().unwrap()) {
        println!("{:8} {:9} {}", taken.own, taken.inclusive, taken.function);
    }
}
