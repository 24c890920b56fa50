//! The kit itself: the stack of the runbook comes up with images that were made here, on both generations of Compose.

use crate::kit::{Compose, Stack, until};

fn comes_up(compose: Compose) {
    let Some(stack) = Stack::new(compose) else { return };
    stack.compose(&["up", "-d"]).exits(0);
    for service in ["falkordb", "graphiti-mcp"] {
        until(30, service, || stack.inspect(&stack.container(service), "{{.State.Health.Status}}") == "healthy");
    }
    stack.redis(&["GRAPH.QUERY", "g", "CREATE (:A {name: 'Zoë'})"]);
    assert_eq!(stack.redis(&["GRAPH.LIST"]), "g");
    // The trap of the runbook's file: the data is not where the volume is mounted.
    assert_eq!(stack.redis(&["CONFIG", "GET", "dir"]), "dir\n/var/lib/falkordb/data");
    assert_eq!(stack.inspect(&stack.volume(), "{{.Driver}}"), "local");
}

#[test]
fn the_runbooks_stack_on_compose_v1() {
    comes_up(Compose::V1);
}

#[test]
fn the_runbooks_stack_on_compose_v2() {
    comes_up(Compose::V2);
}
