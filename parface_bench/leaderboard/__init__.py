"""Result records, the store, and the tables and plots made from them."""
