# SPDX-License-Identifier: GPL-2.0-or-later
# Waits for a file, then does the same things four times over, and prints how often Ruby itself says that they happened. Without
# "quiet" a TracePoint is on, which Ruby 2.5 and newer want before they tell tracers of methods written in Ruby.
class Octet
  def initialize(n) = @n = n
  def twice = @n * 2
  def nested(k) = k == 0 ? 0 : 1 + nested(k - 1)
end
class Bad < StandardError; end

calls = Hash.new(0)
raised = all = 0
unless ARGV[1] == 'quiet'
  TracePoint.new(:call, :return) do |t|
    all += 1 if t.event == :call
    calls[t.method_id] += 1 if t.event == :call && t.self.is_a?(Octet)
  end.enable
  TracePoint.new(:raise) { raised += 1 }.enable
end
all = 0
puts 'ready'
$stdout.flush
sleep 0.02 until File.exist?(ARGV[0])
collections = GC.count
4.times do
  50.times { |i| Octet.new(i).twice }
  Octet.new(1).nested(9)
  begin
    raise Bad, 'x'
  rescue Bad
    GC.start
  end
  sleep 0.1
end
puts "gc #{GC.count - collections} raised #{raised} methods #{all}"
calls.each { |name, n| puts "Octet##{name} #{n}" }
puts 'done'
$stdout.flush
sleep
