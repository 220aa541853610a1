"""Use cases for operators: which permissions are granted, whether each service works, and calibration."""
