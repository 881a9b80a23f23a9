"""Sphinx extension of the book: launch and source buttons that lead where a reader of a chapter wants to go.

Live code is sphinx-thebe's, on chapters only. Nothing is fetched before its button is pressed; then thebe is, and it
asks Binder for the repository of _config.yml.
"""

LIVE = {
    # Only a cell's input is to become an editor: the first <pre> of a cell without one would be its output.
    "selector": ".cell:has(.cell_input)",
    "selector_input": ".cell_input pre",
    "selector_output": ".cell_output",
    "codemirror-theme": "default",
}


def setup(app):
    app.setup_extension("sphinx_thebe")
    app.add_js_file("live.js")
    app.connect("config-inited", configure)
    app.connect("html-page-context", live_code, priority=900)
    app.connect("html-page-context", source_button, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def configure(app, config) -> None:
    config.thebe_config.update(LIVE)
    config.html_theme_options["use_source_button"] = True  # Jupyter Book hands on the theme's other buttons only


def live_code(app, page: str, template: str, context: dict, doctree) -> None:
    """Drop sphinx-thebe's scripts where there is no button for them, and its constants where they come twice."""
    kept, constants = [], 0
    for script in context["script_files"]:
        own = any(name in str(script.filename) for name in ("sphinx-thebe", "live.js"))
        declares = "THEBE_JS_URL" in script.attributes.get("body", "")
        constants += declares  # Sphinx keeps a script without a file under two names; a second const is an error
        if not (own or declares) or (context.get("use_thebe") and constants < 2):
            kept.append(script)
    context["script_files"] = kept


def source_button(app, page: str, template: str, context: dict, doctree) -> None:
    """Show a chapter's script, which is what one edits; the notebook's source would be its JSON."""
    for group in context["header_buttons"]:
        for button in group.get("buttons", []):
            if button.get("label") == "source-file-button":
                button["url"] = button["url"].replace(".ipynb?plain=1", ".py")
