"""Where rows come from: the hub or a mirror of it, and the distributions that the hub lacks."""
