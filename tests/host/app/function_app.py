"""A small function app that uses the features that the local host supports."""

import azure.durable_functions as df
import orchestrations
import routes

app = df.DFApp()
app.register_functions(routes.blueprint)
app.register_functions(orchestrations.blueprint)
