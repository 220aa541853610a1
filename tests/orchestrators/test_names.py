"""The names under which orchestrators, activities and routes know each other are exactly those the app registers."""

import function_app
from orchestrators import names


def registered_functions(*triggers):
    return {
        one.get_function_name()
        for one in function_app.app.get_functions()
        if one.get_trigger() and one.get_trigger().type in triggers
    }


def constants():
    return {value for name, value in vars(names).items() if name.isupper()}


def test_every_name_is_registered_and_every_function_named():
    assert registered_functions("orchestrationTrigger", "activityTrigger") == constants()


def test_a_constant_has_its_name_as_value():
    assert all(value == name.lower() for name, value in vars(names).items() if name.isupper())
