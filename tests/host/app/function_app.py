"""A small function app that uses what the local host promises."""

import azure.durable_functions as df
import orchestrations
import routes

app = df.DFApp()
app.register_functions(routes.blueprint)
app.register_functions(orchestrations.blueprint)
