"""The web side: patient API and widget, staff queue, sign-in, editors' desk. The only part that a browser can reach."""
