package jfrog

import (
	"net/http"
	"net/url"
)

// ReadForm is how a form is read.
func ReadForm(w http.ResponseWriter, r *http.Request, known ...string) (url.Values, error) {
	return readForm(w, r, known...)
}

// ReadNames is how a list of user names is read.
func ReadNames(w http.ResponseWriter, r *http.Request) ([]string, error) { return readNames(w, r) }

// ReadUser tells what a body of either version says of an account's rights.
func ReadUser(w http.ResponseWriter, r *http.Request, v2 bool) (admin bool, granted []string, err error) {
	read := readV1
	if v2 {
		read = readV2
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
