"""The names that flows, activities and doors know each other by are exactly those that the app registers."""

import function_app
from orchestrators import names


def registered(*triggers):
    return {
        one.get_function_name()
        for one in function_app.app.get_functions()
        if one.get_trigger() and one.get_trigger().type in triggers
    }


def constants():
    return {value for name, value in vars(names).items() if name.isupper()}


def test_every_name_is_registered_and_every_durable_function_has_a_name():
    assert registered("orchestrationTrigger", "activityTrigger") == constants()


def test_a_constant_says_its_own_value():
    assert all(value == name.lower() for name, value in vars(names).items() if name.isupper())
