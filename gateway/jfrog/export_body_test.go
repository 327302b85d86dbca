package jfrog

import (
	"net/http"

	"github.com/latchkey-io/latchkey/internal/strictjson"
)

// ReadExchange is how a job's token is read of a body.
func ReadExchange(w http.ResponseWriter, r *http.Request) (string, error) {
	var in exchangeRequest
	err := readFields(w, r, &in, strictjson.Options{AllowUnknown: true, AllowNull: true})
	return in.Token.Reveal(), err
}

// ReadNames is how a list of user names is read.
func ReadNames(w http.ResponseWriter, r *http.Request) ([]string, error) { return readNames(w, r) }

// ReadUser tells what a body of either version says of an account's rights.
func ReadUser(w http.ResponseWriter, r *http.Request, v2 bool) (admin bool, granted []string, err error) {
	read := readUserV1
	if v2 {
		read = readUserV2
	}
	f, err := read(w, r)
	if err != nil {
		return false, nil, err
	}
	for _, g := range f.grants {
		if said(g.on) {
			granted = append(granted, g.key)
		}
	}
	return said(f.admin), granted, nil
}
