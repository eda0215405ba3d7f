//! Whoever is in the way of a lock, and how long anybody waits for one of ours.

mod autovacuum;
