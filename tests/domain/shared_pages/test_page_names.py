import pytest

from atlas.domain.shared_pages.names import KnownPerson, NameIndex, same_name

ADELE = KnownPerson("1", "adele.vance@contoso.com", "Adele Vance")


@pytest.mark.parametrize(
    "name",
    [
        "adele.vance@contoso.onmicrosoft.com",
        "AdeleVance1@contoso.com",
        "vance-adele@contoso.com",
        "Vance, Adele",
        "Ad\u00e9le Vance",
        "Ade1e Vance",
        "adelevanse@contoso.com",
        "adelevnace@contoso.com",
        "adelvance@contoso.com",
    ],
)
def test_a_page_looks_like_a_person(name):
    assert NameIndex({"page": [name]}).pages_like(ADELE) == {"page"}


@pytest.mark.parametrize(
    "name", ["Adele", "Vance", "adelevances-clinic@contoso.com", "Adela Vence", "help@contoso.com"]
)
def test_a_page_does_not_look_like_a_person(name):
    assert NameIndex({"page": [name]}).pages_like(ADELE) == frozenset()


def test_short_names_are_compared_exactly():
    index = NameIndex({"same": ["ann@contoso.com"], "other": ["anna@contoso.com"]})

    assert index.pages_like(KnownPerson("1", "Ann@contoso.com", None)) == {"same"}


def test_names_that_read_the_same_are_equal():
    assert same_name("Help  Desk ") == same_name("help desk")
    assert same_name("Help Desk") != same_name("Help Desk 2")
