"""Who may call the routes in Azure, as ``API_ACCESS`` says; read when the app is imported, for the bindings need it."""

import os

import azure.functions as func

from atlas.settings import api_access_of

AUTH_LEVEL = func.AuthLevel.ANONYMOUS if api_access_of(os.environ) == "entra" else func.AuthLevel.FUNCTION
"""With ``entra`` it is Easy Auth in front of the app that lets callers in."""
