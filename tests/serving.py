"""Models that the real client registers, and endpoints that serve them."""

import mlflow


def register(flavor, model, name, alias="champion", **options):
    """Logs and registers the model at the server that mlflow talks to, and lets the alias name the version; answers its number."""
    with mlflow.start_run():
        version = flavor.log_model(model, name="model", registered_model_name=name, **options).registered_model_version
    mlflow.MlflowClient().set_registered_model_alias(name, alias, str(version))
    return int(version)


def serve(server, folder, *names):
    """Applies a project, kept in the folder, of an endpoint for each of these models; answers what the command said."""
    endpoints = "".join(f"---\nkind: Endpoint\nname: {name}\nmodel: {name}\n" for name in names)
    folder.mkdir(exist_ok=True)
    (folder / "serving.yaml").write_text(f"kind: Project\nname: served\n{endpoints}")
    return server.run("apply", folder)
