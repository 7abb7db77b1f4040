use camino::Utf8PathBuf;

use super::differences as shown;
use crate::inputs::Inputs;
use crate::problem::Problems;
use crate::sequence::difference::differences;
use crate::sequence::{Sequence, read};
use authoring::values::Context;

fn sequence(steps: &str) -> Sequence {
    let folder = tempfile::tempdir().unwrap();
    let path = Utf8PathBuf::from_path_buf(folder.path().join("s.toml")).unwrap();
    std::fs::write(&path, format!("sequence-version = 1\nname = 'S'\n{steps}")).unwrap();
    read(&path, &Context::new(), &mut Problems::default(), &mut Inputs::default()).unwrap().unwrap()
}

fn step(name: &str, more: &str) -> String {
    format!("[[steps]]\ntype = 'run-command-line'\nname = '{name}'\ncommand-line = '{name}.exe'\n{more}\n")
}

fn group(name: &str, steps: &[String]) -> String {
    format!("[[steps]]\ntype = 'group'\nname = '{name}'\n{}", steps.concat().replace("[[steps]]", "[[steps.steps]]"))
}

fn difference_text(old: &[String], new: &[String]) -> String {
    shown(&differences(&sequence(&old.concat()), &sequence(&new.concat()))).to_string()
}

#[test]
fn steps_that_are_added_removed_moved_renamed_and_changed_are_told_apart() {
    let (a, b, c) = (step("A", ""), step("B", ""), step("C", ""));
    assert_eq!(difference_text(&[a.clone(), b.clone()], &[a.clone(), b.clone()]), "");
    let old = [a.clone(), b.clone(), c.clone(), group("G", &[step("D", ""), step("E", "")])];
    let new =
        [c, a, group("G", &[step("D", "timeout = 5"), b]), step("F", ""), step("E", "condition = { variable = 'X' }")];
    insta::assert_snapshot!(difference_text(&old, &new), @r"
    moved    C, within its group
    changed  G / D
               timeout: 5 (added)
    moved    G / B, previously outside groups
    added    F
    moved    E, previously in `G`
    changed  E
               condition: X is set (added)
    ");
}

#[test]
fn a_step_with_another_name_that_says_the_same_was_renamed_and_a_new_group_is_one_addition() {
    let renamed = step("B", "").replace("name = 'B'", "name = 'Better'");
    let old = [step("A", ""), step("B", "")];
    let new = [step("A", ""), renamed, group("New", &[step("X", ""), step("Y", "")])];
    insta::assert_snapshot!(difference_text(&old, &new), @r"
    renamed  Better, previously `B`
    added    New
    ");
    insta::assert_snapshot!(difference_text(&new, &old), @r"
    renamed  B, previously `Better`
    removed  New
    ");
}

#[test]
fn one_step_that_moves_far_is_one_move() {
    let all: Vec<_> = ["A", "B", "C", "D", "E"].iter().map(|name| step(name, "")).collect();
    let mut turned = all.clone();
    turned.rotate_left(1);
    insta::assert_snapshot!(difference_text(&all, &turned), @"moved    A, within its group");
}
