package gateway_test

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-io/latchkey/auth"
)

var olderPage = regexp.MustCompile(`href="(/ui/admin/audit\?[^"]*)" rel="next"`)

// TestAuditPage tells what happened, newest first, a page at a time.
func TestAuditPage(t *testing.T) {
	t.Parallel()
	h := furnished(t)
	for i := range 60 {
		if _, err := h.auth.Groups.Create(t.Context(), h.admin, fmt.Sprintf("group%02d", i), ""); err != nil {
			t.Fatal(err)
		}
	}
	h.submit("/ui/login", url.Values{"username": {"eve"}, "password": {"not eve's password"}}, header("User-Agent", `"><svg onload=alert(1)>`)).is(http.StatusForbidden)
	o := h.office(false)
	first := o.get("/ui/admin/audit").is(http.StatusOK).says("Changed the group group59", "A wrong password was tried", "For <code>eve</code>", "All fields", "wrong password", "By <code>admin</code>").
		lacks("<svg onload", "group00<", "Newest")
	older := olderPage.FindStringSubmatch(first.body)
	if older == nil {
		t.Fatal(first.body)
	}
	o.get(strings.ReplaceAll(older[1], "&amp;", "&")).is(http.StatusOK).says("group30", "Newest").lacks("group59")

	o.get("/ui/admin/audit?user=alice").is(http.StatusOK).says("Generated an API key").lacks("group59")
	o.get("/ui/admin/audit?action=api_key.").is(http.StatusOK).says("Generated an API key", `<option value="api_key." selected>`).lacks("group59")
	o.get("/ui/admin/audit?action=api_key.create").is(http.StatusOK).says("Generated an API key", `<option value="api_key.create" selected>`)
	o.get("/ui/admin/audit?text=GROUP07").is(http.StatusOK).says("group07").lacks("group59")
	tomorrow := time.Now().UTC().Add(48 * time.Hour).Format("2006-01-02")
	o.get("/ui/admin/audit?since="+tomorrow).is(http.StatusOK).says("Nothing fits", "Show everything")
	o.get("/ui/admin/audit?since=yesterday&user=alice").is(http.StatusBadRequest).says("Write the day as", `value="alice"`)
	o.get("/ui/admin/audit?action=%3Csvg+onload%3D1%3E&user=%3Csvg+onload%3D1%3E&text=%3Csvg+onload%3D1%3E").is(http.StatusOK).lacks("<svg onload")
	for _, before := range []string{"-5", "99999999999999", "x", "17"} {
		o.get("/ui/admin/audit?before=" + before).is(http.StatusOK)
	}
	if a := o.get("/ui/admin/audit?text=" + strings.Repeat("a", 300)); a.status != http.StatusBadRequest {
		t.Errorf("%d", a.status)
	}
}

// TestAuditIsVerified on the page, and what was altered is named.
func TestAuditIsVerified(t *testing.T) {
	t.Parallel()
	h := furnished(t)
	o := h.office(false)
	o.post("/ui/admin/audit/verify").is(http.StatusOK).says("The audit trail is whole", "Signed in")
	h.trail.mu.Lock()
	text := strings.Replace(string(h.trail.text), `"target":"alice"`, `"target":"eve"`, 1)
	h.trail.text = []byte(text)
	h.trail.mu.Unlock()
	o.post("/ui/admin/audit/verify").is(http.StatusOK).says(`class="problem"`, "was altered, or a line before it is missing")
}

// TestPoliciesPage says what is in force and where it is set.
func TestPoliciesPage(t *testing.T) {
	t.Parallel()
	h := newHouse(t, houseConfig{policy: auth.Policy{TokenDefault: auth.Endless, UnlockFor: 90 * time.Second}})
	o := h.office(false)
	page := o.get("/ui/admin/policies").is(http.StatusOK).says("15 characters", "password.min_length", "12 hours", "7 days", "No end", "No limit", "90 seconds", "SIGHUP", "Not sent")
	page.lacks("<form method=\"post\" action=\"/ui/admin")
	h.auth.SetPolicy(auth.Policy{MinPassword: 20, NoNewAPIKeys: true, EncryptedPasswords: auth.EncryptionUnsupported, TokenMax: 36 * time.Hour})
	o.get("/ui/admin/policies").is(http.StatusOK).says("20 characters", "Not accepted", "36 hours")
}

// TestHealthPage says how the parts are.
func TestHealthPage(t *testing.T) {
	t.Parallel()
	h := newHouse(t, houseConfig{})
	h.office(false).get("/ui/admin/health").is(http.StatusOK).says("All is well", "Store", "The store answers.")
}
