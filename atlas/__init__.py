"""Bookings Atlas: who in a Microsoft 365 tenant has a Personal Bookings page, and why somebody has none."""
