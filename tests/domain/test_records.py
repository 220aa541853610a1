"""A malformed record affects only itself."""

import pytest
from pydantic import BaseModel, ValidationError

from atlas.domain.records import Malformed, MalformedRecord, parse_records, problem_of


class Person(BaseModel):
    name: str
    age: int


def test_malformed_records_are_split_from_valid_ones() -> None:
    raws = [{"name": "a", "age": 1}, {"name": "b"}, {"name": "c", "age": "secret"}, None, {"name": "d", "age": 2}]

    records = parse_records(raws, Person.model_validate)

    assert [person.name for person in records.valid] == ["a", "d"]
    assert records.malformed == (
        Malformed(raws[1], "age is missing"),
        Malformed(raws[2], "age is malformed"),
        Malformed(None, "the record is malformed"),
    )


def test_a_parser_may_say_itself_what_is_wrong() -> None:
    def parse(raw: int) -> int:
        if raw < 0:
            raise MalformedRecord("negative")
        return raw

    assert parse_records([1, -1], parse).malformed == (Malformed(-1, "negative"),)


def test_a_bug_in_a_parser_is_raised() -> None:
    with pytest.raises(ZeroDivisionError):
        parse_records([1], lambda raw: raw / 0)


def test_a_problem_quotes_no_value() -> None:
    with pytest.raises(ValidationError) as caught:
        Person.model_validate({"name": "a", "age": "Adele Vance"})
    assert "Adele" not in problem_of(caught.value)
