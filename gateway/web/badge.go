package web

// badge is a state of a row that is worth seeing at a glance.
type badge struct{ Text, Kind string } // Kind: "", "warn" or "good"
