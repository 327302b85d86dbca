package testidp

import (
	"encoding/json"
	"strings"
	"time"
)

const (
	elsewhere   = "https://id.evil.example"
	longSubject = 256 // one more than OpenID Connect Core §2 allows
)

// spellings are an issuer's URL said nearly right, and quite wrongly.
func spellings(right string) map[string]string {
	return map[string]string{
		"of somebody else":      elsewhere,
		"with a trailing slash": right + "/",
		"in upper case":         strings.ToUpper(right),
		"with a space behind":   right + " ",
		"with a path":           right + "/tenant",
		"empty":                 "",
		"with a user":           strings.Replace(right, "://", "://x@", 1),
	}
}

func issuerLies() []Lie {
	out := []Lie{
		claim(IDToken, Refused, "iss", "missing", absent),
		claim(IDToken, Refused, "iss", "a number", 1),
		claimBy(IDToken, Refused, "iss a list", func(o *OIDC, c map[string]any) { c["iss"] = []string{o.URL} }),
		member(Discovery, Refused, "issuer", "missing", absent),
		member(Discovery, Refused, "issuer", "a number", 1),
	}
	for says := range spellings("") {
		out = append(out,
			claimBy(IDToken, Refused, "iss "+says, func(o *OIDC, c map[string]any) { c["iss"] = spellings(o.URL)[says] }),
			docLie(Discovery, Refused, "issuer "+says, func(o *OIDC, doc map[string]any) { doc["issuer"] = spellings(o.URL)[says] }))
	}
	return out
}

func audienceLies() []Lie {
	with := func(must Outcome, says string, f func(us string) (aud, azp any)) Lie {
		return claimBy(IDToken, must, says, func(o *OIDC, c map[string]any) {
			aud, azp := f(o.client().ID)
			if c["aud"] = aud; azp != nil {
				c["azp"] = azp
			}
		})
	}
	return []Lie{
		claim(IDToken, Refused, "aud", "missing", absent),
		claim(IDToken, Refused, "aud", "of somebody else", "other"),
		claim(IDToken, Refused, "aud", "a list of others", []string{"other", "another"}),
		claim(IDToken, Refused, "aud", "an empty list", []string{}),
		claim(IDToken, Refused, "aud", "empty", ""),
		claim(IDToken, Refused, "aud", "a number", 7),
		claim(IDToken, Refused, "aud", "null", nil),
		with(Refused, "aud in upper case", func(us string) (any, any) { return strings.ToUpper(us), nil }),
		with(Refused, "aud an object", func(us string) (any, any) { return map[string]any{us: true}, nil }),
		with(Refused, "aud us in one text with another", func(us string) (any, any) { return us + " other", nil }),
		with(Allowed, "aud a list of us", func(us string) (any, any) { return []string{us}, nil }),
		with(Allowed, "azp us", func(us string) (any, any) { return us, us }),
		with(Refused, "aud us and another, no azp", func(us string) (any, any) { return []string{us, "other"}, nil }),
		with(Refused, "aud us and another, azp the other", func(us string) (any, any) { return []string{us, "other"}, "other" }),
		with(Either, "aud us and another, azp us", func(us string) (any, any) { return []string{us, "other"}, us }),
		with(Refused, "azp of somebody else", func(us string) (any, any) { return us, "other" }),
		with(Refused, "azp a list", func(us string) (any, any) { return us, []string{us} }),
	}
}

func nonceLies() []Lie {
	return []Lie{
		claim(IDToken, Refused, "nonce", "missing", absent),
		claim(IDToken, Refused, "nonce", "empty", ""),
		claim(IDToken, Refused, "nonce", "null", nil),
		claim(IDToken, Refused, "nonce", "of another attempt", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
		claim(IDToken, Refused, "nonce", "true", true),
		claimBy(IDToken, Refused, "nonce a list", func(_ *OIDC, c map[string]any) { c["nonce"] = []any{c["nonce"]} }),
		claimBy(IDToken, Refused, "nonce cut short", func(_ *OIDC, c map[string]any) {
			if s, ok := c["nonce"].(string); ok {
				c["nonce"] = s[:len(s)-1]
			}
		}),
		claimBy(IDToken, Refused, "nonce in lower case", func(_ *OIDC, c map[string]any) {
			if s, ok := c["nonce"].(string); ok {
				c["nonce"] = strings.ToLower(s) + "x" // never the same by chance
			}
		}),
	}
}

func subjectLies() []Lie {
	out := []Lie{
		claim(Userinfo, Refused, "sub", "missing", absent).asDoc("sub", absent),
		claim(Userinfo, Refused, "sub", "of somebody else", "").asDoc("sub", Bob().Subject),
		claim(Userinfo, Refused, "sub", "in upper case", "").asDoc("sub", strings.ToUpper(Alice().Subject)),
		claim(Userinfo, Refused, "sub", "a number", "").asDoc("sub", 7),
		claim(Userinfo, Refused, "sub", "empty", "").asDoc("sub", ""),
	}
	for says, value := range map[string]any{
		"missing": absent, "empty": "", "null": nil, "a number": 7, "a list": []string{"x"},
		"too long": strings.Repeat("s", longSubject), "with a line break": "alice\nadmin", "with a NUL": "alice\x00",
	} {
		out = append(out, Lie{Name: "id_token: sub " + says, Where: IDToken, Must: Refused, Apply: func(o *OIDC) {
			o.ChangeJWT(IDToken, func(j *JWT) { set(j.Claims, "sub", value) })
			o.Change(Userinfo, func(doc map[string]any) { set(doc, "sub", value) }) // the same lie twice
		}})
	}
	return append(out, claim(IDToken, Refused, "sub", "of somebody else than userinfo says", Bob().Subject))
}

// asDoc is the same lie told by the document of its place.
func (l Lie) asDoc(name string, value any) Lie {
	l.Apply = func(o *OIDC) { o.Change(l.Where, func(doc map[string]any) { set(doc, name, value) }) }
	return l
}

// after is a claim that is a time from now.
func after(must Outcome, name, says string, d time.Duration) Lie {
	return claimBy(IDToken, must, name+" "+says, func(o *OIDC, c map[string]any) { c[name] = o.time().Add(d).Unix() })
}

// asText is the claim's own value in another type.
func asText(must Outcome, name string) Lie {
	return claimBy(IDToken, must, name+" a string", func(o *OIDC, c map[string]any) {
		n, ok := c[name]
		if !ok {
			n = o.time().Unix()
		}
		digits, err := json.Marshal(n)
		if err != nil {
			panic(err)
		}
		c[name] = string(digits)
	})
}

func timeLies() []Lie {
	return []Lie{
		claim(IDToken, Refused, "exp", "missing", absent),
		claim(IDToken, Refused, "exp", "null", nil),
		claim(IDToken, Refused, "exp", "zero", 0),
		claim(IDToken, Refused, "exp", "negative", -1),
		claim(IDToken, Refused, "exp", "1e99", json.Number("1e99")),
		claim(IDToken, Refused, "exp", "true", true),
		claim(IDToken, Refused, "exp", "larger than 64 bits", json.Number("18446744073709551617")),
		asText(Refused, "exp"),
		after(Refused, "exp", "two hours ago", -2*time.Hour),
		after(Refused, "exp", "beyond the leeway", -2*time.Minute),
		after(Allowed, "exp", "within the leeway", -30*time.Second),
		after(Refused, "nbf", "in five minutes", 5*time.Minute),
		after(Allowed, "nbf", "within the leeway", 30*time.Second),
		asText(Refused, "nbf"),
		claim(IDToken, Refused, "iat", "missing", absent),
		claim(IDToken, Refused, "iat", "1e99", json.Number("1e99")),
		asText(Refused, "iat"),
		after(Refused, "iat", "in five minutes", 5*time.Minute),
		after(Allowed, "iat", "in thirty seconds", 30*time.Second),
		after(Refused, "iat", "of yesterday", -24*time.Hour),
	}
}

func authTimeLies() []Lie {
	return []Lie{
		claim(IDToken, RefusedFresh, "auth_time", "missing", absent),
		claim(IDToken, RefusedFresh, "auth_time", "zero", 0),
		after(RefusedFresh, "auth_time", "an hour ago", -time.Hour),
		after(RefusedFresh, "auth_time", "two minutes ago", -2*time.Minute),
		orEither(after(Either, "auth_time", "in five minutes", 5*time.Minute)),
		orEither(asText(Either, "auth_time")),
		orEither(claim(IDToken, Either, "auth_time", "1e99", json.Number("1e99"))),
	}
}

// orEither marks what no fresh sign-in can come of, and where a client may
// refuse any other as well.
func orEither(l Lie) Lie {
	l.Must = RefusedFreshOrEither
	return l
}
