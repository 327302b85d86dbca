package gateway_test

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strings"
	"testing"
)

// A person gets a page that says what to do next, with its style inside and
// allowed by its policy; a program gets JSON at the same address.
func TestRefusalsForPeople(t *testing.T) {
	f := openFront(t, nobodyLives)
	person := func(r *http.Request) {
		r.Header.Set("Accept", "text/html,application/xhtml+xml")
		r.Header.Set("Sec-Fetch-Mode", "navigate")
	}
	page := f.send("GET", `/nowhere/"><svg%20onload=alert(1)>`, "", person).want(t, http.StatusNotFound)
	if media := page.Header.Get("Content-Type"); media != "text/html; charset=utf-8" {
		t.Errorf("a person got %s", media)
	}
	for _, want := range []string{"This page does not exist", page.Header.Get("X-Request-Id"), `href="` + f.config.PublicURL.String() + `/ui/"`} {
		if want == "" || !strings.Contains(page.body, want) {
			t.Errorf("the page does not say %q:\n%s", want, page.body)
		}
	}
	if strings.Contains(page.body, "onload") {
		t.Error("the page repeats what it was asked for")
	}
	_, rest, _ := strings.Cut(page.body, "<style>")
	style, _, whole := strings.Cut(rest, "</style>")
	sum := sha256.Sum256([]byte(style))
	policy := page.Header.Get("Content-Security-Policy")
	if !whole || !strings.Contains(policy, "'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"'") {
		t.Errorf("the policy %q does not allow the page's own style", policy)
	}
	program := f.send("GET", "/nowhere/", "").want(t, http.StatusNotFound)
	if media := program.Header.Get("Content-Type"); media != "application/json" {
		t.Errorf("a program got %s", media)
	}
}
