"""What a bank sees, shown in the App: pictures of references, and points in a plane."""
