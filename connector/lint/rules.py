"""The table of all rules."""

from collections.abc import Callable

from connector.lint import calls, packaging, texts
from connector.lint.files import Complaints, Connector

type Rule = Callable[[Connector], Complaints]

RULES: dict[str, Rule] = {
    rule.__name__: rule
    for rule in (
        texts.title_is_plain,
        texts.description_is_plain,
        texts.summaries_are_sentence_case,
        texts.descriptions_are_sentences,
        texts.triggers_say_when,
        texts.operation_ids_are_pascal_case,
        texts.everything_has_a_title,
        texts.everything_is_described,
        calls.answers_are_typed,
        calls.types_are_whole,
        calls.path_parameters_are_encoded,
        calls.internal_parameters_can_be_sent,
        calls.required_parameters_come_first,
        calls.pages_have_their_policy,
        calls.triggers_can_be_polled,
        calls.dynamic_values_can_be_asked,
        calls.policies_fit_the_operations,
        packaging.properties_are_alike,
        packaging.brand_colour_is_ours,
        packaging.metadata_is_whole,
        packaging.calls_are_encrypted,
        packaging.files_are_indented,
        packaging.icon_is_square_and_opaque,
    )
}


def complaints_about(connector: Connector) -> dict[str, list[str]]:
    """What breaks which rule; empty for a connector that keeps them all."""
    found = {name: list(rule(connector)) for name, rule in RULES.items()}
    return {name: complaints for name, complaints in found.items() if complaints}
