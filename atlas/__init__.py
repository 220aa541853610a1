"""Bookings Atlas: which users of a Microsoft 365 tenant have a Personal Bookings page, and why others have none."""
