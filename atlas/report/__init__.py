"""The report: one page about all Bookings pages, served without data or written as a file with its data."""
