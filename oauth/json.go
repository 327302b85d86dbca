package oauth

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"
)

// maxDepth bounds how deeply the JSON of a token nests.
const maxDepth = 16

// object reads a JSON object strictly: valid UTF-8, no name twice at any depth
// (RFC 7519 §4 lets us refuse that, and readers that differ in which one counts
// are how tokens come to mean two things), nothing after the object, names
// told apart by case. Numbers are json.Number, as they were written.
func object(text []byte) (map[string]any, error) {
	if !utf8.Valid(text) {
		return nil, errors.New("is not UTF-8")
	}
	in := json.NewDecoder(bytes.NewReader(text))
	in.UseNumber()
	v, err := value(in, 0)
	if err != nil {
		return nil, err
	}
	if _, err := in.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("has something after its JSON")
	}
	o, ok := v.(map[string]any)
	if !ok {
		return nil, errors.New("is not a JSON object")
	}
	return o, nil
}

func value(in *json.Decoder, depth int) (any, error) {
	token, err := in.Token()
	if err != nil {
		return nil, errors.New("is not JSON")
	}
	if depth > maxDepth {
		return nil, errors.New("nests too deeply")
	}
	switch token {
	case json.Delim('{'):
		return members(in, depth)
	case json.Delim('['):
		return elements(in, depth)
	}
	return token, nil
}

func members(in *json.Decoder, depth int) (map[string]any, error) {
	o := map[string]any{}
	for in.More() {
		token, err := in.Token()
		name, ok := token.(string)
		if err != nil || !ok {
			return nil, errors.New("is not JSON")
		}
		if _, twice := o[name]; twice {
			return nil, fmt.Errorf("has %s twice", quote(name))
		}
		if o[name], err = value(in, depth+1); err != nil {
			return nil, err
		}
	}
	if _, err := in.Token(); err != nil {
		return nil, errors.New("is not JSON")
	}
	return o, nil
}

func elements(in *json.Decoder, depth int) ([]any, error) {
	list := []any{}
	for in.More() {
		v, err := value(in, depth+1)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	if _, err := in.Token(); err != nil {
		return nil, errors.New("is not JSON")
	}
	return list, nil
}
