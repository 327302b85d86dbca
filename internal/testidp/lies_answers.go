package testidp

import (
	"net/url"
	"strings"
)

const hugeCode = 32 << 10

// callbackLies are about the redirect back to the client.
func callbackLies() []Lie {
	back := func(must Outcome, says string, f func(o *OIDC, u *url.URL, q url.Values)) Lie {
		return Lie{Name: "authorize: " + says, Where: Authorize, Must: must, Apply: func(o *OIDC) {
			o.ChangeAnswer(func(u *url.URL) {
				q := u.Query()
				f(o, u, q)
				u.RawQuery = q.Encode()
			})
		}}
	}
	puts := func(must Outcome, name, says string, values ...string) Lie {
		return back(must, name+" "+says, func(_ *OIDC, _ *url.URL, q url.Values) { q[name] = values })
	}
	out := []Lie{
		puts(Refused, "iss", "missing though advertised"),
		puts(Refused, "iss", "a number", "1"),
		back(Refused, "iss twice", func(o *OIDC, _ *url.URL, q url.Values) { q["iss"] = []string{o.URL, elsewhere} }),
		back(Refused, "iss of somebody else, not advertised", func(_ *OIDC, _ *url.URL, q url.Values) { q.Set("iss", elsewhere) }).
			and(func(o *OIDC) {
				o.Change(Discovery, func(doc map[string]any) { delete(doc, "authorization_response_iss_parameter_supported") })
			}),
		back(Allowed, "iss missing and not advertised", func(_ *OIDC, _ *url.URL, q url.Values) { q.Del("iss") }).
			and(func(o *OIDC) {
				o.Change(Discovery, func(doc map[string]any) { delete(doc, "authorization_response_iss_parameter_supported") })
			}),
		puts(Refused, "state", "missing"),
		puts(Refused, "state", "empty", ""),
		puts(Refused, "state", "of another attempt", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
		puts(Refused, "state", "huge", strings.Repeat("A", hugeCode)),
		back(Refused, "state changed in its last character", func(_ *OIDC, _ *url.URL, q url.Values) {
			s := q.Get("state")
			end := "A"
			if strings.HasSuffix(s, end) {
				end = "Q"
			}
			q.Set("state", s[:len(s)-1]+end)
		}),
		back(Refused, "state twice", func(_ *OIDC, _ *url.URL, q url.Values) { q["state"] = []string{q.Get("state"), q.Get("state")} }),
		back(Refused, "state twice, then another", func(_ *OIDC, _ *url.URL, q url.Values) { q["state"] = []string{q.Get("state"), "B"} }),
		back(Refused, "state in another case", func(_ *OIDC, _ *url.URL, q url.Values) {
			q["State"] = q["state"]
			delete(q, "state")
		}),
		puts(Refused, "code", "missing"),
		puts(Refused, "code", "empty", ""),
		puts(Refused, "code", "huge", strings.Repeat("c", hugeCode)),
		puts(Refused, "code", "made up", "made-up"),
		back(Refused, "code twice", func(_ *OIDC, _ *url.URL, q url.Values) { q["code"] = []string{q.Get("code"), q.Get("code")} }),
		back(Refused, "code twice, first another", func(_ *OIDC, _ *url.URL, q url.Values) { q["code"] = []string{"x", q.Get("code")} }),
		puts(Refused, "error", "and code together", "access_denied"),
		puts(Refused, "error", "empty and code together", ""),
		back(Refused, "error alone", func(_ *OIDC, _ *url.URL, q url.Values) {
			q.Set("error", "access_denied")
			q.Set("error_description", `<svg onload=alert(1)> you are "denied"`)
			q.Del("code")
		}),
		back(Refused, "error alone and long", func(_ *OIDC, _ *url.URL, q url.Values) {
			q.Set("error", strings.Repeat("e", hugeCode))
			q.Del("code")
		}),
		back(Refused, "error login_required", func(_ *OIDC, _ *url.URL, q url.Values) {
			q.Set("error", "login_required")
			q.Del("code")
		}),
		back(Refused, "all in the fragment", func(_ *OIDC, u *url.URL, q url.Values) {
			u.Fragment = q.Encode()
			clear(q)
		}),
		back(Allowed, "a fragment beside the query", func(_ *OIDC, u *url.URL, _ url.Values) { u.Fragment = "access_token=x" }),
		puts(Either, "id_token", "in the query", "x.y.z"),
		puts(Either, "access_token", "in the query", "x"),
		puts(Allowed, "session_state", "beside", "x"),
	}
	for says := range spellings("") {
		out = append(out, back(Refused, "iss "+says, func(o *OIDC, _ *url.URL, q url.Values) { q.Set("iss", spellings(o.URL)[says]) }))
	}
	return out
}

// and is the lie with more to it.
func (l Lie) and(f func(*OIDC)) Lie {
	apply := l.Apply
	l.Apply = func(o *OIDC) {
		apply(o)
		f(o)
	}
	return l
}

// tokenLies are about the token endpoint's answer.
func tokenLies() []Lie {
	return []Lie{
		member(Token, Refused, "id_token", "missing", absent),
		member(Token, Refused, "id_token", "empty", ""),
		member(Token, Refused, "id_token", "no JWT", "x"),
		member(Token, Refused, "id_token", "null", nil),
		docLie(Token, Refused, "id_token a list of two", func(_ *OIDC, doc map[string]any) {
			doc["id_token"] = []any{doc["id_token"], doc["id_token"]}
		}),
		textLie(Token, Refused, "two id_tokens, first another", func(_ *OIDC, text []byte) []byte { return twice(text, `"id_token":"x.y.z"`) }),
		textLie(Token, Refused, "two access_tokens, first another", func(_ *OIDC, text []byte) []byte { return twice(text, `"access_token":"x"`) }),
		member(Token, Refused, "access_token", "missing", absent),
		member(Token, Refused, "access_token", "empty", ""),
		member(Token, Refused, "access_token", "a number", 7),
		member(Token, Refused, "access_token", "with a line break", "x\r\nX-Forwarded-User: admin"),
		member(Token, Refused, "token_type", "mac", "mac"),
		member(Token, Refused, "token_type", "N_A", "N_A"),
		member(Token, Refused, "token_type", "DPoP", "DPoP"),
		member(Token, Either, "token_type", "missing", absent),
		member(Token, Allowed, "token_type", "bearer in lower case", "bearer"),
		member(Token, Either, "expires_in", "a string", "300"),
		member(Token, Either, "expires_in", "negative", -1),
		member(Token, Allowed, "refresh_token", "missing", absent),
		member(Token, Either, "refresh_token", "a list", []string{"x"}),
		member(Token, Either, "refresh_token", "of 64 KiB", strings.Repeat("r", 64<<10)),
		member(Token, Either, "scope", "other than asked for", "admin"),
		member(Token, Refused, "error", "with status 200 and tokens", "invalid_grant"),
		docLie(Token, Refused, "error with status 200", func(_ *OIDC, doc map[string]any) {
			clear(doc)
			doc["error"] = "invalid_grant"
		}),
		docLie(Token, Refused, "error with status 200 and markup", func(_ *OIDC, doc map[string]any) {
			clear(doc)
			doc["error"], doc["error_description"] = "x", "<svg onload=alert(1)>"
		}),
	}
}

// textLie is about the bytes of a document.
func textLie(where Where, must Outcome, says string, f func(o *OIDC, text []byte) []byte) Lie {
	return Lie{Name: string(where) + ": " + says, Where: where, Must: must, Apply: func(o *OIDC) {
		o.ChangeText(where, func(text []byte) []byte { return f(o, text) })
	}}
}

// discoveryLies are about what the provider says of itself.
func discoveryLies() []Lie {
	var out []Lie
	for _, name := range []string{"authorization_endpoint", "token_endpoint", "jwks_uri"} {
		for says, value := range map[string]any{
			"missing": absent, "empty": "", "relative": "/token", "a script": "javascript:alert(1)", "a file": "file:///etc/passwd",
			"not https": "http://id.evil.example/x", "a number": 7, "without a host": "https:///x", "with a user": "https://a:b@id.example.com/x",
		} {
			out = append(out, member(Discovery, Refused, name, says, value))
		}
	}
	return append(out,
		member(Discovery, Allowed, "code_challenge_methods_supported", "missing", absent),
		member(Discovery, Either, "code_challenge_methods_supported", "plain alone", []string{"plain"}),
		member(Discovery, Allowed, "id_token_signing_alg_values_supported", "more than we know", []string{"none", "HS256", "RS256", "ES999"}),
		member(Discovery, Allowed, "end_session_endpoint", "missing", absent),
		member(Discovery, Either, "end_session_endpoint", "a script", "javascript:alert(1)"),
		member(Discovery, Either, "end_session_endpoint", "not https", "http://id.evil.example/x"),
		member(Discovery, Either, "response_types_supported", "without code", []string{"token"}),
		docLie(Discovery, Allowed, "authorization_endpoint with a query", func(o *OIDC, doc map[string]any) {
			doc["authorization_endpoint"] = o.URL + "/authorize?tenant=x"
		}),
	)
}

func profileLies() []Lie {
	person := func(must Outcome, name, says string, value any) Lie { return member(Profile, must, name, says, value) }
	out := []Lie{
		person(Unverified, "email", "missing", absent),
		person(Unverified, "email", "empty", ""),
		person(Unverified, "email", "a list", []string{"alice@example.com"}),
		person(Unverified, "email", "null", nil),
		person(Either, "email", "with a line break", "alice@example.com\r\nBcc: x@evil.example"),
		person(Either, "email", "of two addresses", "alice@example.com,x@evil.example"),
		person(Either, "email", "of 64 KiB", strings.Repeat("a", 64<<10)+"@example.com"),
		person(Either, "name", "markup", `"><svg onload=alert(1)>`),
		person(Either, "name", "with control characters", "a\x1b[31m\x00\u202eb"),
		person(Either, "name", "a number", 7),
		person(Either, "name", "of 64 KiB", strings.Repeat("n", 64<<10)),
		person(Either, "preferred_username", "admin", "admin"),
		person(Either, "preferred_username", "a look-alike of admin", "аdmin"),
		person(Either, "preferred_username", "a path", "../../admin"),
		person(Either, "preferred_username", "a list", []string{"admin"}),
		person(Either, "preferred_username", "of spaces", "   "),
		person(Either, "groups", "a text", "admins"),
		person(Either, "groups", "a number", 7),
		person(Either, "groups", "of numbers", []any{1, true, nil, "staff"}),
		person(Either, "groups", "an object", map[string]any{"admins": true}),
		person(Either, "groups", "with a comma", []string{"staff,admins"}),
		person(Either, "groups", "ten thousand", strings.Fields(strings.Repeat("g ", 10_000))),
	}
	for says, value := range map[string]any{`true`: true, `"true"`: "true"} {
		out = append(out, person(Allowed, "email_verified", says, value))
	}
	for says, value := range map[string]any{
		`false`: false, `"false"`: "false", `1`: 1, `"1"`: "1", `[true]`: []bool{true}, `absent`: absent, `null`: nil, `0`: 0,
		`"TRUE"`: "TRUE", `"yes"`: "yes", `" true"`: " true", `{}`: map[string]any{}, `""`: "",
	} {
		out = append(out, person(Unverified, "email_verified", says, value))
	}
	return out
}
