"""Files of results: CSV for spreadsheets, and what tools that set signatures read."""
