package auth

import "time"

// upstreamRecord is what one user shows to upstreams, by their names.
type upstreamRecord struct {
	UID   string                    `json:"uid"`
	Epoch uint64                    `json:"epoch"` // of the account's upstream credentials
	Of    map[string]upstreamSecret `json:"of,omitempty"`
}

// upstreamSecret is one name and secret, sealed to the account, the upstream
// and its origin, so that they are never sent anywhere else.
type upstreamSecret struct {
	Origin  string    `json:"origin"` // scheme://host:port that it was entered for
	Sealed  []byte    `json:"sealed"` // name, NUL, secret
	Created time.Time `json:"created"`
}
