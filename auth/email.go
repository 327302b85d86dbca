package auth

import "time"

// emailRecord is a new e-mail address that waits to be confirmed there.
type emailRecord struct {
	Hash    string    `json:"hash"`
	UID     string    `json:"uid"`
	Epoch   uint64    `json:"epoch"` // of the account's password
	Old     string    `json:"old,omitempty"`
	New     string    `json:"new"`
	Expires time.Time `json:"expires"`
}
