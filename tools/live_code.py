"""Sphinx extension of the book: sphinx-thebe's live code, on chapters only, and only what works on them.

Nothing is fetched before the button is pressed; then thebe is, and it asks Binder for the repository of _config.yml.
"""

# Only a cell's input is to become an editor: the first <pre> of a cell without one would be its output.
SELECT = {"selector": ".cell:has(.cell_input)", "selector_input": ".cell_input pre", "selector_output": ".cell_output"}


def setup(app):
    app.setup_extension("sphinx_thebe")
    app.connect("config-inited", lambda app, config: config.thebe_config.update(SELECT))
    app.connect("html-page-context", scripts, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def scripts(app, page: str, template: str, context: dict, doctree) -> None:
    """Drop sphinx-thebe's scripts where there is no button for them, and its constants where they come a second time."""
    kept, constants = [], 0
    for script in context["script_files"]:
        own = "sphinx-thebe" in str(script.filename)
        declares = "THEBE_JS_URL" in script.attributes.get("body", "")
        constants += declares  # Sphinx keeps a script without a file under two names; a second const is an error
        if context.get("use_thebe") and constants < 2 or not (own or declares):
            kept.append(script)
    context["script_files"] = kept
