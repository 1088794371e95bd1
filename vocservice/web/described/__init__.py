"""The OpenAPI document of the HTTP API: what each route accepts and returns, one module per resource, based on the types in the code."""
