"""Names of invented people, rooms and companies; some are awkward on purpose."""

import unicodedata

FIRST = (
    "Adele", "Alex", "Allan", "Amélie", "Ana María", "Anja", "Bianca", "Björn", "Chidi", "Christie", "Cuthbert",
    "Débora", "Diego", "Emily", "Enrico", "Eva", "François", "Grady", "Hanne", "Henrietta", "Irvin", "Isaiah",
    "Jean-Luc", "Johanna", "Jürgen", "Lee", "Lidia", "Lynne", "Łukasz", "Małgorzata", "Megan", "Miriam", "Nestor",
    "Niamh", "Noëlle", "Patti", "Pradeep", "Raúl", "René", "Siobhán", "Søren", "Thị Hoa", "Veronika", "Zoë", "Øyvind",
    "Žofie", "Ömer", "Yuki", "美咲", "Дмитрий",
)  # fmt: skip
LAST = (
    "Vance", "Wilber", "Deyoung", "O'Brien", "D'Angelo", "Müller", "Weiß", "Garcia López", "van den Berg", "Nilsson",
    "Åkerström", "Kowalski", "Nguyễn", "Schneider", "Archie", "Cline", "O'Neill", "Fischer", "Langer", "Gruber",
    "Robbins", "Holloway", "Sherman", "Bowen", "Şahin", "Tanaka", "Петров", "Smith-Jones", "Dvořák", "Rossi",
)  # fmt: skip
_PLAIN = {
    "美咲": "misaki", "Дмитрий": "dmitri", "Петров": "petrov", "ß": "ss", "ł": "l", "Ł": "L", "ø": "o", "Ø": "O",
    "ä": "ae", "ö": "oe", "ü": "ue", "Ö": "Oe", "Å": "A", "đ": "d",
}  # fmt: skip
ROOMS = ("Aare", "Limmat", "Rhône", "Säntis", "Eiger", "Boardroom", "Town Hall")
TEAMS = ("Service Desk", "Reception", "Press Office", "People & Culture", "Accounts Payable", "Admissions")
DEPARTMENTS = (
    "Sales", "Marketing", "Finance", "IT", "Human Resources", "Legal", "Research & Development", "Operations",
    "Kundendienst", "Ingénierie", None,
)  # fmt: skip
PARTNERS = ("fabrikam.com", "adatum.example", "northwind-traders.co.uk")
DOMAINS = ("contoso.com", "contoso.com", "contoso.com", "contoso.de", "contoso-labs.com")
SIGN_IN_DOMAINS = ("ad.contoso.com", "contoso.onmicrosoft.com")
INITIAL_DOMAIN = "contoso.onmicrosoft.com"
TIME_ZONES = (
    "Europe/Zurich", "Europe/Zurich", "Europe/London", "America/New_York", "America/Los_Angeles", "Asia/Tokyo",
    "Asia/Kolkata", "Australia/Sydney",
)  # fmt: skip


def plain(name: str) -> str:
    """A name as part of an address: ASCII, lower case, with its apostrophes and hyphens."""
    for odd, ascii_form in _PLAIN.items():
        name = name.replace(odd, ascii_form)
    bare = "".join(letter for letter in unicodedata.normalize("NFKD", name) if letter.isascii())
    return bare.replace(" ", "").lower()


FIRST_PLAIN = tuple(plain(name) for name in FIRST)
LAST_PLAIN = tuple(plain(name) for name in LAST)
