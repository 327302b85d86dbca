package web

import "net/http"

// confirmPage asks once more before something that cannot be undone: what it
// is about stands in the title, what will stop working in Said.
type confirmPage struct {
	frame
	Said  []string // paragraphs
	Facts []fact
	Form  form
}

// fact is one line of what is known.
type fact struct{ Name, Text string }

func (p *Pages) confirm(w http.ResponseWriter, status int, page confirmPage) error {
	return p.write(w, status, "confirm", page)
}
