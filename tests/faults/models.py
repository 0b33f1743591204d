"""Copies of the shipped model (GGUF) with something wrong in them."""
import struct

FIXED = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}  # bytes of a value by its type
STRING, ARRAY = 8, 9


class Gguf:
    def __init__(self, data):
        self.data, self.at = bytearray(data), 8
        tensors, values = self.take("<QQ")
        self.values_at = self.at
        for _ in range(values):
            self.string()
            self.skip(self.take("<I")[0])
        self.tensors = {}
        for _ in range(tensors):
            name, (dimensions,) = self.string(), self.take("<I")
            shape = self.take(f"<{dimensions}Q")
            kind, offset = self.take("<IQ")
            self.tensors[name] = (shape, kind, offset)
        self.weights_at = (self.at + 31) // 32 * 32

    def take(self, form):
        found = struct.unpack_from(form, self.data, self.at)
        self.at += struct.calcsize(form)
        return found

    def string(self):
        length, = self.take("<Q")
        self.at += length
        return bytes(self.data[self.at - length:self.at]).decode()

    def skip(self, kind):
        if kind == STRING:
            self.string()
        elif kind == ARRAY:
            of, count = self.take("<IQ")
            for _ in range(count):
                self.skip(of)
        else:
            self.at += FIXED[kind]

    def fill(self, name, value):
        """Sets every weight of an F32 tensor."""
        shape, kind, offset = self.tensors[name]
        assert kind == 0, (name, kind)
        count = 1
        for length in shape:
            count *= length
        start = self.weights_at + offset
        self.data[start:start + 4 * count] = struct.pack("<f", value) * count

    def with_template(self, template):
        """The file with a chat template. What is put in has a multiple of 32 bytes, so that everything stays aligned."""
        key = b"tokenizer.chat_template"
        text = template.encode()
        text += b"{#" + b" " * (-(8 + len(key) + 4 + 8 + len(text) + 4) % 32) + b"#}"
        entry = struct.pack("<Q", len(key)) + key + struct.pack("<IQ", STRING, len(text)) + text
        values, = struct.unpack_from("<Q", self.data, 16)
        return bytes(self.data[:16]) + struct.pack("<Q", values + 1) + entry + bytes(self.data[24:])
