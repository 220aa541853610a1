"""A small function app that uses what the local host promises."""

import azure.durable_functions as df
from doors import doors
from flows import flows

app = df.DFApp()
app.register_functions(doors)
app.register_functions(flows)
