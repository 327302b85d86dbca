package auth

import "time"

// resetRecord holds the links that let an account choose a new password: at
// most one that was mailed and one that an administrator made.
type resetRecord struct {
	Links []resetLink `json:"links,omitempty"`
}

// resetLink is live. It ends with its use, its time, and any change of the
// account's password or e-mail address.
type resetLink struct {
	Hash    string    `json:"hash"`
	UID     string    `json:"uid"`
	Epoch   uint64    `json:"epoch"` // of the account's password
	Email   string    `json:"email,omitempty"`
	By      string    `json:"by,omitempty"` // the administrator; empty: mailed
	Expires time.Time `json:"expires"`
}
