"""The HTTP API in, its OpenAPI document out: what each route takes and answers, a noun a module, beside the types the code itself uses."""
