package web

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"html/template"
	"net/http"
)

// ErrorPage is a refusal for a person: a sentence, what to do next, and the id
// that an administrator finds it by. Programs get JSON.
// It carries its style with it, because it is shown on every host.
type ErrorPage struct {
	template *template.Template
	style    template.CSS
	policy   string
	origin   string // of PublicURL
}

// NewErrorPage makes the page for a daemon at origin.
func NewErrorPage(origin string) *ErrorPage {
	style := readStatic("style.css", "").body
	sum := sha256.Sum256(style)
	return &ErrorPage{
		template: readTemplates()["error"], style: template.CSS(style), origin: origin,
		policy: "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) +
			"'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
	}
}

// errorContent is what the page shows.
type errorContent struct {
	frame
	Reason, Next, Request string
}

// Write makes the page for one refusal of one request of user, and sets the
// headers that it needs.
func (e *ErrorPage) Write(h http.Header, status int, reason, user, request string) ([]byte, error) {
	title, next := saying(status)
	c := errorContent{
		frame:  frame{Title: title, User: user, Origin: e.origin, Inline: e.style},
		Reason: sentence(reason), Next: next, Request: request,
	}
	var body bytes.Buffer
	if err := e.template.Execute(&body, c); err != nil {
		return nil, err
	}
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", e.policy)
	h.Set("X-Frame-Options", "DENY")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	return body.Bytes(), nil
}

// saying is the headline of a status and what a person can do about it.
func saying(status int) (title, next string) {
	switch status {
	case http.StatusForbidden:
		return "You may not open this", "Ask an administrator for the right, or sign in as somebody who has it."
	case http.StatusNotFound, http.StatusMethodNotAllowed:
		return "This page does not exist", "Check the address, or begin at your account."
	case http.StatusTooManyRequests:
		return "Too many attempts", "Wait a little, then try again."
	case http.StatusBadGateway, http.StatusGatewayTimeout:
		return "The service does not answer", "Try again in a minute. If it stays like this, tell an administrator the request number below."
	case http.StatusServiceUnavailable:
		return "Signing in is not possible right now", "You have not been signed out. Try again in a minute."
	case http.StatusBadRequest:
		return "This request cannot be understood", "Go back and try again."
	}
	return "Something went wrong", "Try again. If it stays like this, tell an administrator the request number below."
}
