package gateway_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/latchkey-io/latchkey/auth"
)

const changeURL = security + "/users/authorization/changePassword"

const aliceSecond = "alice has a second password"

// TestJFrogChangePassword is the row of changePassword, an entry for each
// outcome.
func TestJFrogChangePassword(t *testing.T) {
	t.Parallel()
	h := newHouse(t, houseConfig{})
	h.secret.texts = append(h.secret.texts, aliceSecond)
	change := func(name, old, new1, new2 string) object {
		return object{"userName": name, "oldPassword": old, "newPassword1": new1, "newPassword2": new2}
	}
	for name, c := range map[string]struct {
		body any
		says string
	}{
		"wrong old password":  {change("alice", evePassword, aliceSecond, aliceSecond), "old password"},
		"unknown user":        {change("nobody", alicePassword, aliceSecond, aliceSecond), "old password"},
		"no user's name":      {change("no name", alicePassword, aliceSecond, aliceSecond), "old password"},
		"an API key's form":   {change("alice", "AKCp8"+strings.Repeat("x", 68), aliceSecond, aliceSecond), "old password"},
		"an old one too long": {change("alice", strings.Repeat("x", 2000), aliceSecond, aliceSecond), "old password"},
		"new ones differ":     {change("alice", alicePassword, aliceSecond, aliceSecond+"!"), "differ"},
		"the same":            {change("alice", alicePassword, alicePassword, alicePassword), "the old one"},
		"no new one":          {change("alice", alicePassword, "", ""), "newPassword1"},
		"no old one":          {change("alice", "", aliceSecond, aliceSecond), "oldPassword"},
		"a short one":         {change("alice", alicePassword, "short", "short"), "password.min_length"},
		"no user":             {object{"oldPassword": alicePassword, "newPassword1": aliceSecond, "newPassword2": aliceSecond}, "userName"},
		"two users": {object{"userName": "alice", "username": "eve", "oldPassword": alicePassword,
			"newPassword1": aliceSecond, "newPassword2": aliceSecond}, "differ"},
		"null":               {object{"userName": nil, "oldPassword": alicePassword, "newPassword1": aliceSecond, "newPassword2": aliceSecond}, "userName"},
		"an unknown key":     {`{"userName":"alice","oldPassword":"` + alicePassword + `","newPassword1":"` + aliceSecond + `","newPassword2":"` + aliceSecond + `","admin":true}`, "not known"},
		"a key twice":        {`{"userName":"eve","userName":"alice","oldPassword":"` + alicePassword + `","newPassword1":"` + aliceSecond + `","newPassword2":"` + aliceSecond + `"}`, "twice"},
		"no JSON":            {`userName=alice`, "object"},
		"a Kelvin sign":      {change("\u212aarl", alicePassword, aliceSecond, aliceSecond), "old password"},
		"the own name as it": {change("alice", alicePassword, "alicealicealicealice", "alicealicealicealice"), "too easy"},
	} {
		t.Run("400: "+name, func(t *testing.T) {
			h.in(t).do("POST", changeURL, c.body).text(http.StatusBadRequest, c.says)
		})
	}
	t.Run("the unknown user and the wrong password look alike", func(t *testing.T) {
		a := h.in(t).do("POST", changeURL, change("nobody", "one that is nobody's", aliceSecond, aliceSecond))
		b := h.in(t).do("POST", changeURL, change("alice", "one that is not hers", aliceSecond, aliceSecond))
		if a.body != b.body || a.status != b.status {
			t.Errorf("%d %q and %d %q", a.status, a.body, b.status, b.body)
		}
		h.trailSays("password.change", "refused", "alice", "alice")
	})
	t.Run("another media type: 415", func(t *testing.T) {
		h.in(t).do("POST", changeURL, `{}`, header("Content-Type", "text/plain")).refused(http.StatusUnsupportedMediaType)
	})
	if !h.works("alice", alicePassword) {
		t.Fatal("a refused change changed the password")
	}
	t.Run("200, without another credential", func(t *testing.T) {
		h := h.in(t)
		session := h.signIn("alice", alicePassword)
		h.do("POST", changeURL, change("ALICE", alicePassword, aliceSecond, aliceSecond)).text(http.StatusOK)
		h.trailSays("password.change", "ok", "alice", "alice")
		if h.works("alice", alicePassword) || !h.works("alice", aliceSecond) {
			t.Error("the password is not the new one")
		}
		h.do("GET", v1+"/whoami", nil, h.browser(session)).is(http.StatusUnauthorized)
	})
	t.Run("200, with the same by Basic, and the name as another client spells the key", func(t *testing.T) {
		h := h.in(t)
		body := object{"username": "alice", "oldPassword": aliceSecond, "newPassword1": alicePassword, "newPassword2": alicePassword}
		h.do("POST", changeURL, body, basic("alice", aliceSecond), header("Accept", "text/plain")).text(http.StatusOK)
		if !h.works("alice", alicePassword) {
			t.Error("the password is not the new one")
		}
	})
	t.Run("whoever asks, the old password is asked for", func(t *testing.T) {
		h := h.in(t)
		h.do("POST", changeURL, change("alice", evePassword, aliceSecond, aliceSecond), h.asAdmin()).text(http.StatusBadRequest)
		h.do("POST", changeURL, change("alice", evePassword, aliceSecond, aliceSecond), basic("eve", evePassword)).text(http.StatusBadRequest)
		if !h.works("alice", alicePassword) {
			t.Error("the password was changed")
		}
	})
}

// TestJFrogChangePasswordByRule: where passwords are kept by administrators,
// or elsewhere, they are not changed here.
func TestJFrogChangePasswordByRule(t *testing.T) {
	t.Parallel()
	h := newHouse(t, houseConfig{policy: auth.Policy{KeepPasswords: true}})
	body := object{"userName": "alice", "oldPassword": alicePassword, "newPassword1": aliceSecond, "newPassword2": aliceSecond}
	h.do("POST", changeURL, body).text(http.StatusBadRequest, "administrators")
	h.trailSays("password.change", "refused", "alice", "alice")

	h = newHouse(t, houseConfig{})
	h.do("POST", security+"/users/alice", object{"profileUpdatable": false}, h.asAdmin()).text(http.StatusOK)
	h.do("POST", changeURL, body).text(http.StatusBadRequest, "administrators")
	h.do("POST", security+"/users/alice", object{"profileUpdatable": true, "internalPasswordDisabled": true}, h.asAdmin()).text(http.StatusOK)
	h.do("POST", changeURL, body).text(http.StatusBadRequest, "old password")
}

// TestJFrogExpirePasswords is the table of the expire and unexpire calls.
func TestJFrogExpirePasswords(t *testing.T) {
	t.Parallel()
	h := newHouse(t, houseConfig{})
	admin := h.asAdmin()
	const authorization = security + "/users/authorization"
	good := func(h *house, want map[string]bool) {
		h.t.Helper()
		for name, password := range map[string]string{"alice": alicePassword, "eve": evePassword, "admin": h.adminPassword} {
			if got := h.works(name, password); got != want[name] {
				h.t.Errorf("the password of %s is good: %v", name, got)
			}
		}
	}
	everybody := map[string]bool{"alice": true, "eve": true, "admin": true}
	t.Run("one: 200", func(t *testing.T) {
		h := h.in(t)
		page := h.browser(h.signIn("alice", alicePassword))
		token := bearer(h.do("POST", v1+"/me/tokens", object{}, basic("alice", alicePassword)).is(http.StatusCreated).field("access_token"))
		defer func() { // what needs no password goes on
			h.do("GET", v1+"/whoami", nil, page).is(http.StatusOK)
			h.do("GET", v1+"/whoami", nil, token).is(http.StatusOK)
		}()
		h.do("POST", authorization+"/expirePassword/Alice", nil, admin).text(http.StatusOK, "alice")
		h.trailSays("password.expire", "ok", "admin", "alice")
		good(h, map[string]bool{"eve": true, "admin": true})
	})
	t.Run("an expired one is changed by itself", func(t *testing.T) {
		h := h.in(t)
		body := object{"userName": "alice", "oldPassword": alicePassword, "newPassword1": aliceSecond, "newPassword2": aliceSecond}
		h.do("POST", changeURL, body, basic("alice", alicePassword)).text(http.StatusOK)
		body["oldPassword"], body["newPassword1"], body["newPassword2"] = aliceSecond, alicePassword, alicePassword
		h.do("POST", changeURL, body).text(http.StatusOK)
		good(h, everybody)
	})
	for _, path := range []string{"/expirePassword", "/expirePasswords"} {
		t.Run("a list at "+path+": 200", func(t *testing.T) {
			h := h.in(t)
			h.do("POST", authorization+path, []string{"alice", "EVE"}, admin).text(http.StatusOK)
			good(h, map[string]bool{"admin": true})
			h.do("POST", authorization+"/unexpirePassword/alice", nil, admin).text(http.StatusOK, "alice")
			good(h, map[string]bool{"alice": true, "admin": true})
			h.do("POST", authorization+"/unexpirePassword/eve", nil, admin).text(http.StatusOK)
			good(h, everybody)
		})
		t.Run("no list at "+path+": nobody is not everybody", func(t *testing.T) {
			h := h.in(t)
			for _, body := range []string{`[]`, `null`, `{}`, `[""]`, `[null]`, `["alice",null]`, `["alice"]["eve"]`, `["no name"]`, `"alice"`, `[["alice"]]`, `["alice",`, `["\u212aarl"]`} {
				h.do("POST", authorization+path, body, admin).refused(http.StatusBadRequest)
			}
			h.do("POST", authorization+path, nil, admin).refused(http.StatusUnsupportedMediaType)
			h.do("POST", authorization+path, `["alice"]`, admin, header("Content-Type", "text/plain")).refused(http.StatusUnsupportedMediaType)
			h.do("POST", authorization+path, `["`+strings.Repeat(`x","`, 1000)+`alice"]`, admin).refused(http.StatusBadRequest)
			h.do("POST", authorization+path, []string{"alice", "nobody"}, admin).refused(http.StatusNotFound)
			good(h, everybody)
		})
	}
	t.Run("everybody's but the caller's: 200", func(t *testing.T) {
		h := h.in(t)
		h.do("POST", authorization+"/expirePasswordForAllUsers", nil, admin).text(http.StatusOK)
		h.trailSays("password.expire", "ok", "admin", "everybody")
		good(h, map[string]bool{"admin": true})
		h.do("POST", authorization+"/unexpirePasswordForAllUsers", nil, admin).text(http.StatusOK)
		good(h, everybody)
	})
	t.Run("unknown: 404", func(t *testing.T) {
		for _, name := range []string{"nobody", "no%20name"} {
			h.in(t).do("POST", authorization+"/expirePassword/"+name, nil, admin).refused(http.StatusNotFound)
			h.in(t).do("POST", authorization+"/unexpirePassword/"+name, nil, admin).refused(http.StatusNotFound)
		}
	})
	t.Run("v2: 204", func(t *testing.T) {
		h := h.in(t)
		h.do("POST", access+"/users/eve/password/expire", nil, admin).empty(http.StatusNoContent)
		good(h, map[string]bool{"alice": true, "admin": true})
		h.do("POST", authorization+"/unexpirePassword/eve", nil, admin).text(http.StatusOK)
	})
	t.Run("what was made before goes on", func(t *testing.T) {
		h := h.in(t)
		key := h.do("POST", keyURL, nil, basic("eve", evePassword)).is(http.StatusCreated).field("apiKey")
		h.do("POST", authorization+"/expirePassword/eve", nil, admin).text(http.StatusOK)
		h.do("GET", v1+"/whoami", nil, apiKey(key)).is(http.StatusOK)
	})
}

// TestJFrogSetPassword is the row of v2's password: for somebody else.
func TestJFrogSetPassword(t *testing.T) {
	t.Parallel()
	h := newHouse(t, houseConfig{})
	admin := h.asAdmin()
	h.secret.texts = append(h.secret.texts, aliceSecond)
	of := func(name string) string { return access + "/users/" + name + "/password" }
	t.Run("by an administrator: 204", func(t *testing.T) {
		h := h.in(t)
		h.do("PUT", of("ALICE"), object{"password": aliceSecond}, admin).empty(http.StatusNoContent)
		h.trailSays("password.change", "ok", "admin", "alice")
		if h.works("alice", alicePassword) || !h.works("alice", aliceSecond) {
			t.Error("the password is not the new one")
		}
	})
	t.Run("one's own, with the old one shown: 204", func(t *testing.T) {
		h := h.in(t)
		h.do("PUT", of("alice"), object{"password": alicePassword}, basic("alice", aliceSecond)).empty(http.StatusNoContent)
		if h.works("alice", aliceSecond) || !h.works("alice", alicePassword) {
			t.Error("the password is not the new one")
		}
		h.do("PUT", of("alice"), object{"password": "short"}, basic("alice", alicePassword)).refused(http.StatusBadRequest, "password.min_length")
		h.do("PUT", of("eve"), object{"password": alicePassword}, basic("alice", alicePassword)).is(http.StatusForbidden)
		h.do("PUT", of("alice"), object{"password": aliceSecond}, basic("alice", alicePassword)).empty(http.StatusNoContent)
	})
	t.Run("one's own, otherwise: 403 that says where", func(t *testing.T) {
		h := h.in(t)
		encrypted := h.do("GET", encryptedURL, nil, basic("alice", aliceSecond)).is(http.StatusOK).body
		h.secret.texts = append(h.secret.texts, encrypted)
		for name, as := range map[string]with{
			"an encrypted password": basic("alice", encrypted),
			"a key":                 header("X-JFrog-Art-Api", h.do("POST", keyURL, nil, basic("alice", aliceSecond)).is(http.StatusCreated).field("apiKey")),
		} {
			if h.do("PUT", of("alice"), object{"password": alicePassword}, as).refused(http.StatusForbidden, "changePassword"); !h.works("alice", aliceSecond) {
				t.Errorf("%s changed the password", name)
			}
		}
		h.do("PATCH", access+"/users/admin", object{"password": alicePassword, "email": "x@example.com"}, admin).refused(http.StatusForbidden, "changePassword")
		h.do("PUT", security+"/users/admin", object{"password": alicePassword, "email": "x@example.com", "admin": true}, admin).refused(http.StatusForbidden, "changePassword")
		h.do("POST", security+"/users/admin", object{"password": alicePassword, "email": "x@example.com"}, admin).refused(http.StatusForbidden, "changePassword")
		if strings.Contains(h.do("GET", security+"/users/admin", nil, admin).body, "x@example.com") {
			t.Error("the rest of a refused change was made")
		}
	})
	t.Run("what is no password: 400", func(t *testing.T) {
		h := h.in(t)
		for body, says := range map[string]string{
			`{"password":"short"}`: "password.min_length", `{"password":""}`: "missing", `{}`: "missing", `{"password":null}`: "null",
			`{"password":["x"]}`: "", `{"password":"x","password":"y"}`: "twice", `{"newPassword":"` + alicePassword + `"}`: "not known",
			`{"password":"AKCp8` + strings.Repeat("x", 68) + `"}`: "secrets", `{"password":"` + strings.Repeat("long ", 300) + `"}`: "1024",
		} {
			h.do("PUT", of("alice"), body, admin).refused(http.StatusBadRequest, says)
		}
		if !h.works("alice", aliceSecond) {
			t.Error("the password was changed")
		}
	})
	t.Run("passwords never come back out", func(t *testing.T) {
		h := h.in(t)
		for _, path := range []string{security + "/users/alice", security + "/users", access + "/users/alice", access + "/users"} {
			if a := h.do("GET", path, nil, admin).is(http.StatusOK); strings.Contains(strings.ToLower(a.body), `"password"`) || strings.Contains(a.body, aliceSecond) || strings.Contains(a.body, "argon2") {
				t.Errorf("%s: %s", a.at, a.body)
			}
		}
	})
}

// TestJFrogPolicies is the table of what is said of passwords and locks, and
// not set here.
func TestJFrogPolicies(t *testing.T) {
	t.Parallel()
	h := newHouse(t, houseConfig{})
	admin := h.asAdmin()
	for path, want := range map[string]string{
		"/configuration/passwordExpirationPolicy": `{"enabled":false,"passwordMaxAge":60,"notifyByEmail":false}`,
		"/userLockPolicy":                         `{"enabled":false,"loginAttempts":50}`,
	} {
		h.do("GET", security+path, nil, admin).is(http.StatusOK).json(want)
		h.do("PUT", security+path, want, admin).refused(http.StatusBadRequest)
		for _, method := range []string{"GET", "PUT"} {
			h.do(method, security+path, nil, basic("eve", evePassword)).refused(http.StatusForbidden)
			h.do(method, security+path, nil).refused(http.StatusUnauthorized)
		}
	}
}
